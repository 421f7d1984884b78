from django.test import TestCase
from django.urls import reverse
from django.utils import timezone

from .models import Book


class HomeTests(TestCase):
    def test_says_so_when_there_are_no_books(self):
        response = self.client.get(reverse('books:home'))
        self.assertContains(response, 'Nothing on the go')

    def test_shows_what_is_being_read(self):
        Book.objects.create(title='Emma', author='Jane Austen', status='reading')
        Book.objects.create(title='Dune', author='Frank Herbert')
        response = self.client.get(reverse('books:home'))
        self.assertQuerySetEqual(
            response.context['reading'], ['Emma by Jane Austen'], transform=str
        )
        self.assertContains(response, 'Dune')


class BookTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.book = Book.objects.create(
            title='The Dispossessed', author='Ursula K. Le Guin', pages=341
        )

    def test_list_by_status(self):
        Book.objects.create(title='Emma', author='Jane Austen', status='reading')
        response = self.client.get(reverse('books:list'), {'status': 'reading'})
        self.assertContains(response, 'Emma')
        self.assertNotContains(response, 'The Dispossessed')

    def test_unknown_status_is_ignored(self):
        response = self.client.get(reverse('books:list'), {'status': 'burnt'})
        self.assertContains(response, 'The Dispossessed')

    def test_add(self):
        response = self.client.post(
            reverse('books:add'),
            {'title': 'Emma', 'author': 'Jane Austen', 'status': 'wanted'},
        )
        self.assertRedirects(
            response, Book.objects.get(title='Emma').get_absolute_url()
        )

    def test_same_book_twice(self):
        response = self.client.post(
            reverse('books:add'),
            {'title': self.book.title, 'author': self.book.author, 'status': 'wanted'},
        )
        self.assertContains(response, 'on the list already')
        self.assertEqual(Book.objects.count(), 1)

    def test_finish(self):
        response = self.client.post(
            reverse('books:finish', args=[self.book.pk]), follow=True
        )
        self.assertContains(response, 'Finished The Dispossessed.')
        self.book.refresh_from_db()
        self.assertEqual(self.book.status, Book.Status.FINISHED)
        self.assertEqual(self.book.finished_on, timezone.localdate())

    def test_finish_needs_a_post(self):
        response = self.client.get(reverse('books:finish', args=[self.book.pk]))
        self.assertEqual(response.status_code, 405)

    def test_note(self):
        url = reverse('books:add_note', args=[self.book.pk])
        self.client.post(url, {'rating': 5, 'text': 'Read it twice.'})
        response = self.client.get(self.book.get_absolute_url())
        self.assertContains(response, 'Read it twice.')

    def test_note_with_a_rating_out_of_range(self):
        url = reverse('books:add_note', args=[self.book.pk])
        response = self.client.post(url, {'rating': 6, 'text': 'Ten out of five.'})
        self.assertEqual(response.status_code, 400)
        self.assertFalse(self.book.notes.exists())

    def test_delete(self):
        response = self.client.post(reverse('books:delete', args=[self.book.pk]))
        self.assertRedirects(response, reverse('books:list'))
        self.assertFalse(Book.objects.exists())
