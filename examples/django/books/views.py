from django.contrib import messages
from django.db.models import Avg
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.views.decorators.http import require_POST
from django.views.generic import (
    CreateView,
    DeleteView,
    DetailView,
    ListView,
    UpdateView,
)

from .forms import BookForm, NoteForm
from .models import Book


def home(request):
    return render(
        request,
        'books/home.html',
        {
            'reading': Book.objects.filter(status=Book.Status.READING),
            'next_up': Book.objects.filter(status=Book.Status.WANTED)[:5],
            'finished': Book.objects.filter(status=Book.Status.FINISHED).count(),
        },
    )


class BookList(ListView):
    model = Book
    paginate_by = 25

    def get_queryset(self):
        books = (
            super()
            .get_queryset()
            .order_by('title')
            .annotate(rating=Avg('notes__rating'))
        )
        status = self.request.GET.get('status')
        if status in Book.Status.values:
            books = books.filter(status=status)
        return books

    def get_context_data(self, **kwargs):
        return super().get_context_data(statuses=Book.Status.choices, **kwargs)


class BookDetail(DetailView):
    model = Book

    def get_context_data(self, **kwargs):
        return super().get_context_data(form=NoteForm(), **kwargs)


class BookCreate(CreateView):
    model = Book
    form_class = BookForm


class BookUpdate(UpdateView):
    model = Book
    form_class = BookForm


class BookDelete(DeleteView):
    model = Book
    success_url = reverse_lazy('books:list')


@require_POST
def finish(request, pk):
    book = get_object_or_404(Book, pk=pk)
    book.finish()
    messages.success(request, f'Finished {book.title}.')
    return redirect(book)


@require_POST
def add_note(request, pk):
    book = get_object_or_404(Book, pk=pk)
    form = NoteForm(request.POST)
    if form.is_valid():
        note = form.save(commit=False)
        note.book = book
        note.save()
        return redirect(book)
    return render(
        request, 'books/book_detail.html', {'book': book, 'form': form}, status=400
    )
