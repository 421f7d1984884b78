from django.urls import path

from . import views

app_name = 'books'

urlpatterns = [
    path('', views.home, name='home'),
    path('books/', views.BookList.as_view(), name='list'),
    path('books/add/', views.BookCreate.as_view(), name='add'),
    path('books/<int:pk>/', views.BookDetail.as_view(), name='detail'),
    path('books/<int:pk>/edit/', views.BookUpdate.as_view(), name='edit'),
    path('books/<int:pk>/delete/', views.BookDelete.as_view(), name='delete'),
    path('books/<int:pk>/finish/', views.finish, name='finish'),
    path('books/<int:pk>/notes/', views.add_note, name='add_note'),
]
